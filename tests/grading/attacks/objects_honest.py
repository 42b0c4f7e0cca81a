# tries: nothing: right classes, modules, gradients and several values
# assignment: 94_objects
# fair: 1 2 3 4
