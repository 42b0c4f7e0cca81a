"""What a submission touches that no answer needs: for an instructor to look at.

Functions that an answer may not call are switched off in the learner's own process, and
steps are counted there. Code in that process could undo both. It cannot do so without
some of these words, unless it hides them.
"""

import re

from course_grading.restoring.restore import Restored

WORDS = re.compile(
    r"course_grading|course_utils\.checking"
    r"|course_utils import checking\b"
    r"|__code__|__globals__|__closure__|__subclasses__|__builtins__|_getframe|f_back"
    r"|f_locals|gc\.get_\w+|\bctypes\b|settrace|setprofile|_python_dispatch"
    r"|_disabled_torch|_DisableTorch|_pop_mode|/proc/|sys\.modules|sys\.meta_path"
    r"|ast_transformers|__torch_function__|__torch_dispatch__"
)
MOST = 5


def reaches(restored: Restored) -> str:
    """A sentence that names such words in the learner's cells, or "" without any."""
    learners = restored.answers.keys() | set(restored.own)
    found: dict[str, None] = {}
    for cell in restored.cells:
        if cell.grade_id in learners:
            found |= dict.fromkeys(WORDS.findall(cell.source))
    if not found:
        return ""
    return f"The code touches what no answer needs: {', '.join(list(found)[:MOST])}."
