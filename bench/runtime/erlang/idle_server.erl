%% A gen_server that does next to nothing: what the spawn, call and memory figures start.
-module(idle_server).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2]).

init(State) -> {ok, State}.

handle_call(get, _From, State) -> {reply, State, State}.

handle_cast(touch, State) -> {noreply, State}.
