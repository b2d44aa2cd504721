"""For PyInstaller: what a frozen program needs of dxdw that no import statement names.

The kernels' library stands beside the package and is loaded by its path; the digits, the trained
model and the exercises' texts are read as files; parts are imported by name when first asked for.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

# Parts that need other libraries, or that no program asks for by name, are left to its imports.
LEFT_OUT = ("dxdw.interop", "dxdw.benchmark", "dxdw.lab", "dxdw.packaging", "dxdw.pytest_plugin")


def _wanted(name: str) -> bool:
    return not any(name == part or name.startswith(f"{part}.") for part in LEFT_OUT)


hiddenimports = collect_submodules("dxdw", filter=_wanted)
# The library goes as a file, to the place where it is looked for: it depends on the system alone.
datas = collect_data_files("dxdw", includes=["libdxdw.*", "dxdw.dll", "data/*", "practice/**"])
datas += collect_data_files("dxdw", include_py_files=True, subdir="practice")
