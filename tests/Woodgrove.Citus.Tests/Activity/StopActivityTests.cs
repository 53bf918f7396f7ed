using System.Collections;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Activity;

/// <summary>Stop-CitusActivity on sessions that run, wait and are idle.</summary>
public sealed class StopActivityTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public async Task A_statement_is_cancelled_and_its_session_stays()
    {
        await using NpgsqlConnection session = await OpenAsync("cancelled");
        Task<PostgresException> sleeping = SleepAsync(session);
        Found("cancelled", "active");

        PSObject after = Shell.Run(
            "Get-CitusActivity | Where-Object ApplicationName -EQ cancelled | Stop-CitusActivity -Confirm:$false").Single;

        Assert.Equal("57014", (await sleeping).SqlState);
        Assert.Equal("idle", after.Get("State"));
        Assert.Equal(1, await new NpgsqlCommand("SELECT 1", session).ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Whoever_blocks_the_others_is_ended_with_Force_alone()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("id bigint PRIMARY KEY, value int", "id");
        Cluster.Execute($"INSERT INTO {table} VALUES (5, 0)");
        await using NpgsqlConnection holder = await OpenAsync("holder"), waiter = await OpenAsync("waiter");
        await new NpgsqlCommand($"BEGIN; UPDATE {table} SET value = 1", holder).ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Task<int> waiting = new NpgsqlCommand($"UPDATE {table} SET value = 2",
            waiter).ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Assert.True(SpinWait.SpinUntil(() => Shell.Get("Get-CitusLockWait").Count == 2, TimeSpan.FromSeconds(30)), "nobody waits");

        string told = Shell.Run("Get-CitusLockWait | Where-Object Depth -EQ 0 | Stop-CitusActivity -Confirm:$false")
            .Failed("CitusNothingToCancel").Exception.Message;
        Shell.Run("Get-CitusLockWait | Where-Object Depth -EQ 0 | Stop-CitusActivity -Force -Confirm:$false").Succeeded();

        Assert.Contains("idle in transaction", told);
        Assert.Equal(1, await waiting);
        Assert.Equal(2, Cluster.Scalar($"SELECT value FROM {table}"));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => new NpgsqlCommand("SELECT 1",
            holder).ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task WhatIf_shows_the_SQL_and_stops_nothing()
    {
        await using NpgsqlConnection session = await OpenAsync("spared");
        Task<PostgresException> sleeping = SleepAsync(session);
        object id = Found("spared", "active").Get("GlobalProcessId")!;

        PSObject plan = Shell.Run($"Stop-CitusActivity {id} -WhatIf").Single;

        Assert.StartsWith($"Cancel the statement of session {id} of postgres on 127.0.0.1:", (string)plan.Get("Action")!);
        Assert.Contains("pg_cancel_backend", Assert.Single(((IEnumerable)plan.Get("Sql")!).Cast<string>()));
        Assert.False(sleeping.IsCompleted);
        Shell.Run($"Stop-CitusActivity {id} -Confirm:$false").Succeeded();
        await sleeping;
    }

    [Fact]
    public void A_session_that_is_not_there_is_told_and_the_next_has_its_turn()
    {
        RunResult result = Shell.Run("Stop-CitusActivity 1, 2 -Confirm:$false");

        Assert.Equal(["CitusSessionNotFound", "CitusSessionNotFound"], result.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
    }

    private PSObject Found(string application, string state)
    {
        PSObject? found = null;
        Assert.True(SpinWait.SpinUntil(() => (found = Shell.Get($"Get-CitusActivity -All | Where-Object ApplicationName -EQ {application}")
            .FirstOrDefault(a => a.Get("State") is string now && now == state)) is not null, TimeSpan.FromSeconds(30)),
            $"{application} is not {state}");
        return found!;
    }

    private async Task<NpgsqlConnection> OpenAsync(string application)
    {
        var session = new NpgsqlConnection($"{Cluster.ConnectionString};Pooling=false;Application Name={application}");
        await session.OpenAsync(TestContext.Current.CancellationToken);
        return session;
    }

    private static async Task<PostgresException> SleepAsync(NpgsqlConnection session) => await Assert.ThrowsAsync<PostgresException>(
        () => new NpgsqlCommand("SELECT pg_sleep(60)", session).ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
}
