%% 1,000 plain processes in a circle pass one token on; one operation is one hop.
-module(ring).
-export([setup/0, member/1]).

-define(MEMBERS, 1000).
-define(HOPS, 500000).

setup() ->
    Last = spawn(?MODULE, member, [undefined]),
    First = lists:foldl(
        fun(_, Next) -> spawn(?MODULE, member, [Next]) end, Last, lists:seq(2, ?MEMBERS)
    ),
    Last ! {next, First},
    fun() ->
        measure:timed(?HOPS, fun() ->
            First ! {token, ?HOPS - 1, self()},
            receive done -> ok end
        end)
    end.

member(Next) ->
    receive
        {token, 0, Driver} -> Driver ! done, member(Next);
        {token, Left, Driver} -> Next ! {token, Left - 1, Driver}, member(Next);
        {next, Pid} -> member(Pid)
    end.
