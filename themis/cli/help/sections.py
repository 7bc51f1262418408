"""All commands, in the groups that the help shows."""

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("begin.demo:demo", "Watch simulated models being evaluated through the queue."),
        "init": ("begin.init:init", "Write a small experiment that asks a model, to start from."),
        "quick-eval": ("quick_eval:quick_eval", "Put a question, or a file of them, to a model and score the answers."),
        "config": ("config:config", "Check a config file, show it, or print its schema."),
        "catalog": ("catalog.commands:catalog", "List named benchmarks and components, show and check benchmarks."),
    },
    "Run": {
        "run": ("run:run", "Run an experiment in this process."),
        "submit": ("submit:submit", "Submit experiments to the queue, or write batch requests."),
        "estimate": ("begin.estimate:estimate", "Print the tasks and tokens of a run, and what it would show."),
        "replay": ("stored.replay:replay", "Parse and score stored answers again, without asking a model."),
    },
    "Results": {
        "list": ("stored.list:list_runs", "List the stored runs, by name, label, state or dataset."),
        "status": ("status:status", "Show the progress and the scores of runs."),
        "report": ("report:report", "Print a run's result as JSON, Markdown, CSV or LaTeX."),
        "cases": ("stored.cases:cases", "List the cases of a run with their scores, or show one of them."),
        "compare": ("stored.compare:compare", "Say whether a run scores higher than another, and how sure that is."),
        "diff": ("stored.diff:diff", "Say why two runs have different ids, and what one uses of the other."),
        "gate": ("stored.gate:gate", "Decide by a policy whether a model may be released."),
        "inspect": ("inspect:inspect", "Print the snapshot of a run, or its stored state."),
        "score": ("stored.score:score", "Correct scores, and keep labels of people, beside what was measured."),
    },
    "Queue and workers": {
        "queue": ("queue.commands:queue", "List, cancel, retry and prune jobs; pause, watch and repair a queue."),
        "worker": ("worker.commands:worker", "Run submitted experiments."),
        "fleet": ("fleet.commands:fleet", "Have Slurm, Kubernetes or Ray start, place and end workers."),
        "limits": ("queue.limits:limits", "Show and set how much the providers of models are asked."),
    },
    "Prompts and judges": {
        "prompt": ("begin.prompt:prompt", "Show what a model would be sent about a case."),
        "model": ("begin.model_check:model", "Ask the model of an experiment once, and say what to mend."),
        "judge": ("stored.judge:judge", "Compare the verdicts of a judge with labels that people gave."),
    },
    "Data": {
        "store": ("stored.store:store", "Upgrade the tables of a results store, or merge other stores into it."),
        "export": ("stored.export:export", "Print the results of a stage as a bundle for another store."),
    },
    "Help": {
        "help": ("help.command:help_on", "Show the help of a command."),
        "completion": ("help.completion:completion", "Print the script that completes commands in a shell."),
    },
}
"""By group and name: the location of a command below `themis.cli`, and its line in the help."""

UNLISTED: dict[str, tuple[str, str]] = {
    "quickcheck": ("stored.quickcheck:quickcheck", "Print counts, means and scores of a run."),
    "resume": ("run:resume", "Continue an interrupted run."),
    "batch": ("batch:batch", "Run a batch request."),
}
"""Commands that work and are not in the list: others do the same, or a scheduler types them."""

COMMANDS: dict[str, tuple[str, str]] = {name: entry for of in SECTIONS.values() for name, entry in of.items()}
COMMANDS |= UNLISTED
"""All commands by name."""

QUESTION_VARIABLE = "_THEMIS_COMPLETE"
"""Variable of the environment by which the script of a shell asks for completions."""
