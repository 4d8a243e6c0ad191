%% The child of the restart figure: says from init that it is up, crashes when told to.
-module(crash_server).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2]).

start_link(Driver) -> gen_server:start_link(?MODULE, Driver, []).

init(Driver) ->
    Driver ! {up, self()},
    {ok, Driver}.

handle_call(_, _, Driver) -> {reply, ok, Driver}.

handle_cast(crash, _) -> error(boom).
