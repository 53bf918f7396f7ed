using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Activity;

/// <summary>A session that holds a row, one that waits for the row, and one that waits for both.</summary>
internal sealed class Blockade : IDisposable
{
    private readonly List<NpgsqlConnection> _sessions = [];
    private readonly List<Task> _waiting = [];

    public Blockade(ClusterFixture cluster, string? blockedUser = null)
    {
        Table = cluster.Distribute("id bigint PRIMARY KEY, value int", "id");
        cluster.Execute($"INSERT INTO {Table} SELECT g, 0 FROM generate_series(1, 20) g");
        NpgsqlConnection first = Open(cluster.ConnectionString);
        Run(first, "BEGIN");
        Run(first, $"UPDATE {Table} SET value = 1 WHERE id = 5");
        Wait(cluster, blockedUser ?? cluster.ConnectionString, $"UPDATE {Table} SET value = 2 WHERE id = 5", 2);
        Wait(cluster, cluster.ConnectionString, $"LOCK TABLE {Table} IN ACCESS EXCLUSIVE MODE", 3);
    }

    public string Table { get; }

    public void Dispose()
    {
        if (_sessions.Count == 0) return;
        Run(_sessions[0], "ROLLBACK");
        // The others take their turn, one after the other.
        Task.WaitAll([.. _waiting], TimeSpan.FromSeconds(30));
        foreach (NpgsqlConnection session in _sessions) session.Dispose();
        _sessions.Clear();
    }

    private void Wait(ClusterFixture cluster, string connectionString, string sql, int expected)
    {
        NpgsqlConnection session = Open(connectionString);
        _waiting.Add(Task.Run(() => Run(session, sql.StartsWith("LOCK", StringComparison.Ordinal) ? $"BEGIN; {sql}; COMMIT" : sql)));
        Assert.True(SpinWait.SpinUntil(() => cluster.Shell.Get("Get-CitusLockWait").Count == expected, TimeSpan.FromSeconds(30)),
            $"{sql} does not wait");
    }

    private NpgsqlConnection Open(string connectionString)
    {
        var session = new NpgsqlConnection(connectionString + ";Pooling=false;Application Name=blockade");
        session.Open();
        _sessions.Add(session);
        return session;
    }

    private static void Run(NpgsqlConnection session, string sql)
    {
        using var command = new NpgsqlCommand(sql, session);
        command.ExecuteNonQuery();
    }
}
