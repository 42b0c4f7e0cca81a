# tries: makes the shell run nothing, and report success
# answers: wrong
# fair: 0 0 0 0
# %% own
shell = get_ipython()
def run(self, *a, **k):
    from IPython.core.interactiveshell import ExecutionResult
    return ExecutionResult(None)
type(shell).run_cell = run
shell.run_cell = run.__get__(shell)
shell.events.register("pre_run_cell", lambda *a: None)
shell.showtraceback = shell.showsyntaxerror = lambda *a, **k: None
shell.set_custom_exc((BaseException,), lambda *a, **k: None)
