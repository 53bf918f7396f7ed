using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Core.Tests.Connections;

/// <summary>When a search for a node through a load-balanced port ends.</summary>
public sealed class NodeDialerTests
{
    [Theory]
    [InlineData(PostgresErrorCodes.InvalidPassword)]
    [InlineData(PostgresErrorCodes.InvalidAuthorizationSpecification)]
    [InlineData(PostgresErrorCodes.InvalidCatalogName)]
    [InlineData(PostgresErrorCodes.InsufficientPrivilege)]
    public async Task A_user_whom_no_node_lets_in_is_refused_three_times(string sqlState)
    {
        int tries = 0;
        var dialer = new NodeDialer(_ =>
        {
            tries++;
            throw new PostgresException("refused", "FATAL", "FATAL", sqlState);
        }, () => { }, "citus.example:7432");

        PostgresException refusal = await Assert.ThrowsAsync<PostgresException>(
            () => dialer.OpenAsync(null, TestContext.Current.CancellationToken));

        Assert.Equal((sqlState, 3), (refusal.SqlState, tries));
    }

    [Fact]
    public async Task A_search_ends_at_once_when_it_is_cancelled()
    {
        using var stop = new CancellationTokenSource();
        int tries = 0;
        var dialer = new NodeDialer(async token =>
        {
            tries++;
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
            throw new InvalidOperationException("never reached");
        }, () => { }, "citus.example:7432");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dialer.OpenAsync(null, stop.Token));

        Assert.Equal(1, tries);
    }
}
