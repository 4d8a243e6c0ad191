%% Entry of every Erlang figure: `measure:main/0` takes the scenario's module and three times from the command line
%% (`-extra MODULE WARM_MS WINDOW_MS`), runs the module's batches unmeasured for the first, measured for the second, and
%% prints one line of JSON. A batch times itself and returns {Operations, Nanoseconds}. The figure is the mean over the window.
-module(measure).
-export([main/0, timed/2, words/0]).

main() ->
    [Module, Warm, Window] = init:get_plain_arguments(),
    %% As on the other sides: a crash on purpose is not printed.
    logger:set_primary_config(level, none),
    Scenario = list_to_atom(Module),
    {module, _} = code:ensure_loaded(Scenario),
    case erlang:function_exported(Scenario, bytes, 0) of
        true ->
            {Idle, Used} = Scenario:bytes(),
            io:format("{\"bytes\":~w,\"bytesUsed\":~w}~n", [Idle, Used]);
        false ->
            Batch = Scenario:setup(),
            run(Batch, list_to_integer(Warm), 0, 0),
            {Ops, Ns} = run(Batch, list_to_integer(Window), 0, 0),
            io:format("{\"ns\":~w}~n", [Ns / Ops])
    end,
    halt(0).

%% Repeats a batch until it has been measured for Ms milliseconds.
run(_, Ms, Ops, Ns) when Ns >= Ms * 1000000 -> {Ops, Ns};
run(Batch, Ms, Ops, Ns) ->
    {MoreOps, MoreNs} = Batch(),
    run(Batch, Ms, Ops + MoreOps, Ns + MoreNs).

%% Runs Fun once: {Ops, Nanoseconds}.
timed(Ops, Fun) ->
    Start = erlang:monotonic_time(nanosecond),
    Fun(),
    {Ops, max(1, erlang:monotonic_time(nanosecond) - Start)}.

%% Bytes the emulator has for processes and everything else.
words() ->
    erlang:garbage_collect(),
    erlang:memory(total).
