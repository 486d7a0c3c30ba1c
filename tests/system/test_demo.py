"""The guided tour: it runs, in two places at once, shows nobody's number, and leaves nothing behind."""

import subprocess
from pathlib import Path

from support import leaks
from support.people import masked
from support.programs import BIN, ROOT, environment

SECONDS_MAX = 120
TELLS = [
    masked("432500197707302784"), "waits for the superior's decision", "wrong-superior", "the review is completed", "不通过原因", "already-reviewed", "not-listed", "returned",
    "nianshen_dl_code=not-json",
]


def start(folder):
    command = [ROOT / "ops/dev/demo", folder]
    env = environment(NIANSHEN_BIN=BIN)
    return subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def processes_of(folder):
    """Command lines of running processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_two_tours_at_once(stack):
    """Each has its own broker, database and ports; both tell the whole story."""
    folders = [stack.folder / f"demo-{n}" for n in (1, 2)]
    tours = [start(folder) for folder in folders]
    for folder, tour in zip(folders, tours):
        text = tour.communicate(timeout=SECONDS_MAX)[0].decode()
        assert tour.returncode == 0, text
        for word in TELLS:
            assert word in text, f"the tour does not tell {word}\n{text}"
        leaks.check_no_personal_data(text, "the tour")
        assert "\x1b[" not in text, "no colour when it is not a terminal"
        assert not processes_of(folder)
