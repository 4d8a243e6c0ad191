%% gen_server:call with its default time limit, one after another; one operation is a round trip.
-module(calls).
-export([setup/0]).

-define(CALLS, 100000).

setup() ->
    {ok, Server} = gen_server:start(idle_server, 7, []),
    fun() -> measure:timed(?CALLS, fun() -> repeat(Server, ?CALLS) end) end.

repeat(_, 0) -> ok;
repeat(Server, N) ->
    7 = gen_server:call(Server, get),
    repeat(Server, N - 1).
