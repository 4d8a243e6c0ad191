%% Bytes per idle gen_server, and after it has handled one message; the emulator's total before and after.
-module(memory).
-export([bytes/0]).

-define(COUNT, 20000).

bytes() ->
    Before = measure:words(),
    Pids = [begin {ok, Pid} = gen_server:start(idle_server, N, []), Pid end || N <- lists:seq(1, ?COUNT)],
    Idle = measure:words(),
    [gen_server:cast(Pid, touch) || Pid <- Pids],
    [gen_server:call(Pid, get) || Pid <- Pids],
    Used = measure:words(),
    {(Idle - Before) / ?COUNT, (Used - Before) / ?COUNT}.
