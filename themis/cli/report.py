"""`themis report`: the whole result of a run, for people or for further processing."""

import click

from themis.cli.command import command
from themis.cli.exit_status import explain_partial
from themis.cli.stored.run_targets import Asked, run_options, run_to_read
from themis.cli.terminal import streams

_FORMATS = (
    *("json", "jsonl", "html", "markdown", "csv", "latex", "parquet", "junit"),
    *("markdown-summary", "latex-summary", "cost-csv"),
)


@command(
    "report",
    "themis report --config experiment.yaml --format markdown-summary",
    "themis report gpt-5.4-mini-on-gsm8k --format markdown-summary",
    "themis report 4f1c09 --store ../colleague/results.db --format csv",
    "themis report --config experiment.yaml --format html > report.html",
    "themis report --config experiment.yaml --format csv > scores.csv",
    "themis report --config experiment.yaml --format parquet > scores.parquet",
    "themis report group:pupils --format markdown-summary",
)
@run_options
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="json",
    show_default=True,
    help="One JSON object with everything; a row for each case and metric, as JSON Lines, Markdown, CSV, LaTeX or "
    "Parquet; a test for each, as JUnit XML; a page for a browser; a summary to read; a table of the metrics for a "
    "paper; tokens and dollars by model and kind.",
)
def report(*, asked: Asked, form: str) -> None:
    """Print the result of a stored run; if the run has not ended, its result so far.

    TARGET is the name of a run, or the beginning of a run's id or a job's key (4 digits at least), or a config file;
    or group:NAME, for a row of each run of a group: as json, jsonl, csv, markdown-summary or latex-summary.
    """
    if asked.target is not None and asked.target.startswith("group:"):
        from themis.cli.groups.report import report_group

        report_group(asked, form)
        return
    from themis.core.reports import Reporter
    from themis.core.stores import projections

    with run_to_read(asked) as (store, run_id):
        explain_partial(projections.run_result(store, run_id))
        reporter = Reporter(store)
        if form == "parquet":
            with streams.writing_bytes() as file:
                reporter.write_parquet(run_id, file)
            return
        rows = {
            "jsonl": reporter.write_jsonl,
            "markdown": reporter.write_markdown,
            "csv": reporter.write_csv,
            "latex": reporter.write_latex,
            "junit": reporter.write_junit,
            "html": reporter.write_html,
        }
        if form in rows:
            with streams.writing() as out:
                rows[form](run_id, out)  # row by row, since there may be very many
            return
        exports = {
            "json": reporter.export_json,
            "markdown-summary": reporter.export_markdown_summary,
            "latex-summary": reporter.export_latex_summary,
            "cost-csv": reporter.export_cost_csv,
        }
        streams.write(exports[form](run_id).rstrip("\n") + "\n")
