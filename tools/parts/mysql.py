"""Oracle's MySQL for tests: the machine's own, else Debian's package unpacked into the private cache."""

import os
import shutil
from pathlib import Path

from tools.parts.cache import Progress, cache_folder, silent
from tools.parts.debian_archive import ROOT, DebianProgram, unpack_program, wrapper_path
from tools.parts.mariadb_server import MariadbServer, as_root
from tools.parts.program_version import first_recent

OLDEST = (8, 0)

# Debian releases with MariaDB alone; MySQL is kept in unstable, as the newest with long-term support.
_PROGRAM = DebianProgram(
    "mysql",
    package="mysql-server-core",
    path="usr/sbin/mysqld",
    remedy="put a mysqld of at least 8.0 on PATH",
    suites=("sid",),
    may_be_stale=True,
)


def find_mysql(path: str | None = None) -> Path | None:
    """Return a mysqld of at least 8.0, from ``path`` (default: $PATH, /usr/sbin) or the cache; None without one."""
    on_path = shutil.which("mysqld", path=f"{os.environ.get('PATH', '')}:/usr/sbin" if path is None else path)
    # MariaDB answers to this name as well.
    own = [Path(on_path)] if on_path and Path(on_path).resolve().name == "mysqld" else []
    return first_recent([*own, wrapper_path(_PROGRAM, cache_folder())], "--version", OLDEST)


def fetch_mysql(progress: Progress = silent, *, path: str | None = None) -> Path:
    """Return a mysqld of at least 8.0, unpacking Debian's privately where there is none; raises PartError."""
    return find_mysql(path) or unpack_program(_PROGRAM, cache_folder(), _usable, progress)


class MysqlServer(MariadbServer):
    """The same with MySQL's own program, which is told a few things in other words."""

    def _installing(self) -> list[str]:
        return [str(self._program), "--no-defaults", *self._places(), "--initialize-insecure", *as_root()]

    def _dialect(self) -> list[str]:
        # A socket of one name in the data folder: none at all cannot be asked for.
        return [*self._places(), "--socket=socket", "--mysqlx=OFF", "--innodb-redo-log-capacity=256M"]

    def _places(self) -> list[str]:
        unpacked = self._program.parent / ROOT / "usr"
        own = [f"--basedir={unpacked}"] if unpacked.is_dir() else []
        return [*own, "--secure-file-priv=NULL"]


def _usable() -> bool:
    return first_recent([wrapper_path(_PROGRAM, cache_folder())], "--version", OLDEST) is not None
