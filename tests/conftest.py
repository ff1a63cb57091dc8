"""Every shape annotation in lengen is checked while the tests run."""

from jaxtyping import install_import_hook

HOOK = install_import_hook("lengen", "beartype.beartype")
