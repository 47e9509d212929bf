"""`python -m docs`: write the pages that are made, on the simulated weeks of `world.py`."""

import tempfile
from pathlib import Path

from docs import cookbook, handouts, schema_page, showcase, world
from harvester.store import db

HERE = Path(__file__).parent


def main() -> None:
    """Write them; what is not new stays as it is."""
    handouts.write()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weeks.db"
        world.harvested(path)
        engine = db.connect(f"sqlite:///{path}", is_read_only=True)
        with engine.connect() as conn:
            (HERE / "schema.md").write_text(schema_page.page(conn))
            cookbook.PAGE.write_text(cookbook.answered(cookbook.PAGE.read_text(), conn))
            showcase.draw(conn, HERE / "images")
        showcase.update(path)
        engine.dispose()


if __name__ == "__main__":
    main()
