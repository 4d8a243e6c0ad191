%% Plain processes that wait for a message, all alive at the end. The time ends when each of them runs: it says so by a
%% message, as Driftway's spawn resolves after init. They are started without waiting for one another.
-module(spawn_plain).
-export([setup/0, idle/1]).

-define(COUNT, 10000).

setup() ->
    fun() ->
        Self = self(),
        Sample = measure:timed(?COUNT, fun() ->
            Pids = start(?COUNT, []),
            [receive {up, Pid} -> ok end || Pid <- lists:reverse(Pids)],
            Self ! {started, Pids}
        end),
        Pids = receive {started, All} -> All end,
        [exit(Pid, kill) || Pid <- Pids],
        Sample
    end.

start(0, Pids) -> Pids;
start(N, Pids) -> start(N - 1, [spawn(?MODULE, idle, [self()]) | Pids]).

idle(Parent) ->
    Parent ! {up, self()},
    receive stop -> ok end.
