"""Wheels that each hold a part of a base, and a package that must not be imported."""

import hashlib
import zipfile


def wheel(folder, number, content, member=None):
    name, version = f"small_part{number}", "1.0"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as box:
        box.writestr(f"{name}/__init__.py", "raise SystemExit('a package was imported')")
        box.writestr(member or f"{name}/data/part{number:02}.bin", content)
        box.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        box.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        box.writestr(f"{info}/RECORD", "")


def told_of(parts):
    """What is known of a base of such parts."""
    whole = b"".join(parts)
    return {
        "name": "small", "package": "small-part{}", "version": "1.0", "parts": len(parts),
        "member": "small_part{0}/data/part{0:02}.bin", "size": len(whole),
        "sha256": hashlib.sha256(whole).hexdigest(), "licence": "none",
    }  # fmt: skip
