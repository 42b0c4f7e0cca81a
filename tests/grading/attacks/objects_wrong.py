# tries: nothing: wrong classes, modules and gradients
# assignment: 94_objects
# answers: wrong
# fair: 0 0 0 0
# verdicts: wrong, wrong, wrong, wrong
