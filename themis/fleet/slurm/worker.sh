if [ -n "$devices" ] && [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    options+=(--devices "$CUDA_VISIBLE_DEVICES") # a slot for each GPU
fi

worker=
asked=
again=
# shellcheck disable=SC2317 # the traps call it
end() {
    asked=yes
    [ -z "$worker" ] || kill -TERM "$worker" 2>/dev/null || true
}
# The time limit is near: what does not end goes back into the queue, and this element into Slurm's.
trap 'again=yes; end' USR1
# The fleet is to end.
trap 'again=; end' USR2
# Slurm signals every process when it cancels, preempts or requeues: the worker knows already, unless the signal was for
# this shell alone. A second signal to the worker would cut its grace short.
trap 'sleep 3; end' TERM INT

"${themis[@]}" worker start "${options[@]}" &
worker=$!
code=0
wait "$worker" || code=$?
while [ -n "$asked" ]; do # a signal ends `wait` before the worker has ended
    asked=
    code=0
    wait "$worker" || code=$?
done
if [ -n "$again" ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
