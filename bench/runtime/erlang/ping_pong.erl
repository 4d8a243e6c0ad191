%% Two plain processes send one message back and forth; one operation is a round trip of two messages.
-module(ping_pong).
-export([setup/0, ping/1, pong/0]).

-define(TRIPS, 200000).

setup() ->
    Pong = spawn(?MODULE, pong, []),
    Ping = spawn(?MODULE, ping, [Pong]),
    fun() ->
        measure:timed(?TRIPS, fun() ->
            Ping ! {go, self(), ?TRIPS},
            receive done -> ok end
        end)
    end.

ping(Pong) ->
    receive
        {go, Driver, Trips} ->
            trip(Pong, Trips),
            Driver ! done
    end,
    ping(Pong).

trip(_, 0) -> ok;
trip(Pong, Trips) ->
    Pong ! {ping, self()},
    receive pong -> trip(Pong, Trips - 1) end.

pong() ->
    receive
        {ping, From} ->
            From ! pong,
            pong()
    end.
