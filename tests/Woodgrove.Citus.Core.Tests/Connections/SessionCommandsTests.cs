using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Connections;

/// <summary>Statements in a session.</summary>
public sealed class SessionCommandsTests
{
    /// <summary>Parts that are copied side by side share the ledger's session: what loses it for one loses it for the others.</summary>
    [Fact]
    public async Task A_session_that_an_earlier_command_has_lost_is_a_lost_connection_which_may_be_retried()
    {
        await using var session = new NpgsqlConnection("Host=127.0.0.1");

        var lost = await Assert.ThrowsAsync<NpgsqlException>(() => session.ExecuteAsync("SELECT", TestContext.Current.CancellationToken));

        Assert.True(PostgresErrors.IsNetwork(lost) && PostgresErrors.IsTransient(lost));
        CitusException error = PostgresErrors.Describe(lost);
        Assert.Equal(("CitusConnectionLost", "The connection to the server failed: An earlier command lost the connection."),
            (error.ErrorId, error.What));
    }
}
