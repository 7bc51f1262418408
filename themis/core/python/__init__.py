"""Python code: installed packages, modules, their imports, and the byte code of classes."""
