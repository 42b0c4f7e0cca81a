# tries: puts escape sequences, markup and formulas into all that a report might show
# answers: wrong
# fair: 0 0 0 0
# says: <script>alert(1)</script>
# %% own
raise ValueError("\x1b[2J\x1b]0;title\x07<script>alert(1)</script>]]></testcase>=cmd|' /C calc'!A0")
# %% answer tight_boxes
def tight_boxes(masks):
    raise type("<b>", (Exception,), {})("[red]{{ 7 * 7 }}${x}\u202e\x00\x9b31m")
# %% answer padding_answer
padding_answer = "\x1b]8;;http://x\x07<img src=x onerror=alert(1)>"
# %% answer distance_iou
distance_iou = "<script>alert(1)</script>"
