# tries: nothing: the assignment is handed in as it was released
# answers: stub
# fair: 0 0 0 0
# verdicts: not answered, not answered, not answered, not answered
