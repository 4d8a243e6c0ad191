%% One sender, 1,000 plain processes that count. A round is one message to each; the last one answers, then the next round
%% starts. After the batch every count is asked for and checked. One operation is one message, until it is handled.
-module(fan_out).
-export([setup/0, receiver/1]).

-define(RECEIVERS, 1000).
-define(ROUNDS, 20).

setup() ->
    Pids = [spawn(?MODULE, receiver, [0]) || _ <- lists:seq(1, ?RECEIVERS)],
    Last = lists:last(Pids),
    fun() ->
        Sample = measure:timed(?ROUNDS * ?RECEIVERS, fun() -> rounds(?ROUNDS, Pids, Last) end),
        [Pid ! {count, self()} || Pid <- Pids],
        Counts = [receive {Pid, Count} -> Count end || Pid <- Pids],
        true = lists:sum(Counts) =:= ?ROUNDS * ?RECEIVERS,
        Sample
    end.

rounds(0, _, _) -> ok;
rounds(N, Pids, Last) ->
    send(Pids, {item, N}),
    Last ! {done, self()},
    receive done -> rounds(N - 1, Pids, Last) end.

send([], _) -> ok;
send([Pid | Pids], Message) ->
    Pid ! Message,
    send(Pids, Message).

receiver(Count) ->
    receive
        {item, _} -> receiver(Count + 1);
        {done, From} -> From ! done, receiver(Count);
        {count, From} -> From ! {self(), Count}, receiver(0)
    end.
