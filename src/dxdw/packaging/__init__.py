"""What programs that freeze Python ask of the package."""

from pathlib import Path


def pyinstaller_hooks() -> list[str]:
    """The folder with PyInstaller's hook, as its entry point `pyinstaller40` wants it."""
    return [str(Path(__file__).parent)]
