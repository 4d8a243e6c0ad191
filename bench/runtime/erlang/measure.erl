%% Entry of every Erlang figure: `measure:main/0` takes the scenario's module and three times from the command line
%% (`-extra MODULE WARM_MS WINDOW_MS`), runs the module's batches unmeasured for the first, measured for the second, and
%% prints one line of JSON. A batch times itself and returns {Operations, Nanoseconds, CPU}. The figure is the mean over the window.
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
            run(Batch, list_to_integer(Warm), {0, 0, 0}),
            {Ops, Ns, Cpu} = run(Batch, list_to_integer(Window), {0, 0, 0}),
            io:format("{\"ns\":~w,\"cpuNs\":~w}~n", [Ns / Ops, Cpu / Ops])
    end,
    halt(0).

%% Repeats a batch until its measured parts have used Ms milliseconds of CPU, or ten times that by the clock.
run(_, Ms, {_, Ns, Cpu} = Sum) when Cpu >= Ms * 1000000; Ns >= 10 * Ms * 1000000 -> Sum;
run(Batch, Ms, {Ops, Ns, Cpu}) ->
    {MoreOps, MoreNs, MoreCpu} = Batch(),
    run(Batch, Ms, {Ops + MoreOps, Ns + MoreNs, Cpu + MoreCpu}).

%% Runs Fun once: {Ops, Nanoseconds, Nanoseconds of CPU of all threads}.
timed(Ops, Fun) ->
    {Cpu, _} = erlang:statistics(runtime),
    Start = erlang:monotonic_time(nanosecond),
    Fun(),
    Ns = max(1, erlang:monotonic_time(nanosecond) - Start),
    {CpuAfter, _} = erlang:statistics(runtime),
    {Ops, Ns, (CpuAfter - Cpu) * 1000000}.

%% Bytes the emulator has for processes and everything else.
words() ->
    erlang:garbage_collect(),
    erlang:memory(total).
