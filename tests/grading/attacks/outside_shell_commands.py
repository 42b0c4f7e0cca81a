# tries: runs programs by the shell's own commands
# answers: right
# fair: 1 2 3 4
# %% own
!touch @OUTSIDE@/@MARK@; sleep 600 &
# %% own
%pip install torch==0.1
# %% own
%%bash
touch @OUTSIDE@/@MARK@
# %% own
get_ipython().system("touch @OUTSIDE@/@MARK@")
# %% own
get_ipython().getoutput("cat @OUTSIDE@/canary")
# %% own
%%writefile @OUTSIDE@/@MARK@
x
# %% own
%run @OUTSIDE@/canary
