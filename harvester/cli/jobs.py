"""`--job`, apart from the other options: their names come with the whole configuration."""

from harvester.cli.options import Name, option
from harvester.config import JOBS

several_jobs = option(
    "--job", "jobs", type=Name(JOBS), multiple=True, metavar="JOB",
    help="A job by its name; may be repeated.",
)  # fmt: skip
