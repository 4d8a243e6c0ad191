%% A one_for_one supervisor and a gen_server that crashes by error(boom) whenever it is told to. The child tells from its init
%% that it runs again: nothing is polled. Bursts of 200 under a fresh supervisor each, since OTP's restart window is a list.
-module(restart).
-behaviour(supervisor).
-export([setup/0, init/1]).

-define(BURST, 200).

setup() ->
    process_flag(trap_exit, true),
    fun() ->
        {ok, Sup} = supervisor:start_link(?MODULE, self()),
        First = receive {up, Pid} -> Pid end,
        Sample = measure:timed(?BURST, fun() -> burst(?BURST, First) end),
        unlink(Sup),
        exit(Sup, shutdown),
        Sample
    end.

burst(0, _) -> ok;
burst(N, Pid) ->
    gen_server:cast(Pid, crash),
    receive {up, Next} -> burst(N - 1, Next) end.

init(Driver) ->
    Child = #{id => child, start => {crash_server, start_link, [Driver]}},
    {ok, {#{strategy => one_for_one, intensity => 2 * ?BURST, period => 1}, [Child]}}.
