%% gen_servers, started one after another: each has run init when the next one is started. All alive at the end.
-module(spawn_server).
-export([setup/0]).

-define(COUNT, 10000).

setup() ->
    fun() ->
        Self = self(),
        Sample = measure:timed(?COUNT, fun() -> Self ! {started, start(?COUNT, [])} end),
        Pids = receive {started, All} -> All end,
        [exit(Pid, kill) || Pid <- Pids],
        Sample
    end.

start(0, Pids) -> Pids;
start(N, Pids) ->
    {ok, Pid} = gen_server:start(idle_server, N, []),
    start(N - 1, [Pid | Pids]).
