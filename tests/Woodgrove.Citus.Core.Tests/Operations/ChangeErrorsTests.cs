using Woodgrove.Citus.Operations;

namespace Woodgrove.Citus.Core.Tests.Operations;

/// <summary>What is said of a change that was interrupted.</summary>
public sealed class ChangeErrorsTests
{
    [Theory]
    [InlineData(1, -1, "Nothing was changed: no statement had begun.")]
    [InlineData(1, 0, "Its only statement was rolled back.")]
    [InlineData(1, 1, "All of it was committed before.")]
    [InlineData(2, 0, "Nothing was changed: the first statement was rolled back.")]
    [InlineData(2, 1, "1 of 2 statements were committed and stay. Number 2 was rolled back: SELECT 2")]
    [InlineData(2, 2, "All of it was committed before.")]
    public void The_state_is_that_of_the_statements_that_were_committed(int count, int done, string expected)
    {
        var change = new ClusterChange
        {
            Action = "Change it", Target = "it", Sql = [.. Enumerable.Range(1, count).Select(i => $"SELECT {i}")],
        };

        Assert.Equal(expected, ChangeErrors.State(change, done));
    }
}
