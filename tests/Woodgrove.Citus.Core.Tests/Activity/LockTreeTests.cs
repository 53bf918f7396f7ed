using Woodgrove.Citus.Activity;

namespace Woodgrove.Citus.Core.Tests.Activity;

public sealed class LockTreeTests
{
    [Fact]
    public void Each_session_stands_once_below_the_one_that_must_end_last_before_it() =>
        Assert.Equal(["1/0/3", "2/1/2", "3/2/1", "4/3/0"], Tree((2, 1), (3, 1), (3, 2), (4, 3), (4, 3)));

    [Fact]
    public void The_root_with_the_most_waiters_comes_first() =>
        Assert.Equal(["5/0/2", "6/1/0", "7/1/0", "1/0/1", "2/1/0"], Tree((2, 1), (6, 5), (7, 5)));

    [Fact]
    public void A_circle_has_one_of_its_own_at_its_head_and_ends() =>
        Assert.Equal(["1/0/2", "2/1/2", "3/2/0"], Tree((1, 2), (2, 1), (3, 2)));

    [Fact]
    public void Direct_blockers_are_all_named() =>
        Assert.Equal([1L, 2L], LockTree.Of([(3, 1), (3, 2)]).Single(n => n.Id == 3).BlockedBy);

    private static string[] Tree(params (long, long)[] edges) => [.. LockTree.Of(edges).Select(n => $"{n.Id}/{n.Depth}/{n.Blocks}")];
}
