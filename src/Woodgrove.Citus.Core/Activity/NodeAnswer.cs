using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Activity;

/// <summary>What one node answered to a question that all were asked, or why it did not.</summary>
/// <param name="IsOwn">True of the node that the connection leads to.</param>
/// <param name="Failure">Why the node was not asked, or null.</param>
/// <param name="Rows">A JSON object for each row.</param>
internal sealed record NodeAnswer(
    int NodeId, int GroupId, string NodeName, int NodePort, bool IsOwn, string? Failure, IReadOnlyList<JsonElement> Rows)
{
    /// <summary>
    /// Asks every node by the cluster's own connections, which reach nodes that this machine may not. The node of the
    /// connection is asked directly: a role that may not log in on the others still sees that one.
    /// </summary>
    public static async Task<IReadOnlyList<NodeAnswer>> AskAllAsync(NpgsqlConnection session, string select, CancellationToken stop)
    {
        string question = $"SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r)), '[]')::text AS answer FROM ({select}) r";
        await using var batch = new NpgsqlBatch(session)
        {
            BatchCommands =
            {
                new("""
                    SELECT n.nodeid, n.groupid, n.nodename, n.nodeport, l.groupid = n.groupid
                    FROM pg_catalog.pg_dist_node n CROSS JOIN pg_catalog.pg_dist_local_group l
                    WHERE n.isactive AND n.noderole::text = 'primary' ORDER BY n.groupid
                    """),
                new(question),
                new("SELECT nodeid, success, result FROM pg_catalog.run_command_on_all_nodes($1)")
                {
                    Parameters = { new() { Value = SearchPath.Wrap(question), NpgsqlDbType = NpgsqlDbType.Text } },
                },
            },
        };
        await using NpgsqlDataReader row = await batch.ExecuteReaderAsync(stop);
        var nodes = new List<NodeAnswer>();
        while (await row.ReadAsync(stop))
            nodes.Add(new NodeAnswer(row.GetInt32(0), row.GetInt32(1), row.GetString(2), row.GetInt32(3), row.GetBoolean(4),
                "it gave no answer", []));
        // A coordinator that its cluster does not list is a node all the same.
        if (!nodes.Exists(n => n.IsOwn)) nodes.Insert(0, new NodeAnswer(0, 0, session.Host ?? "", session.Port, true, null, []));

        await row.NextResultAsync(stop);
        await row.ReadAsync(stop);
        int own = nodes.FindIndex(n => n.IsOwn);
        nodes[own] = nodes[own] with { Failure = null, Rows = Read(row.GetString(0)) };

        await row.NextResultAsync(stop);
        while (await row.ReadAsync(stop))
        {
            int i = nodes.FindIndex(n => !n.IsOwn && n.NodeId == row.GetInt32(0));
            if (i < 0) continue;
            string result = await row.IsDBNullAsync(2, stop) ? "" : row.GetString(2);
            nodes[i] = row.GetBoolean(1) ? nodes[i] with { Failure = null, Rows = Read(SearchPath.Unwrap(result)!) }
                : nodes[i] with { Failure = result };
        }
        return nodes;
    }

    /// <summary>Says which nodes are missing from what was found.</summary>
    public static void Report(IEnumerable<NodeAnswer> answers, string userName, Action<string> warn)
    {
        foreach (NodeAnswer node in answers.Where(a => a.Failure is not null))
        {
            warn($"Not seen: {node.NodeName}:{node.NodePort} ({node.Failure!.Trim().TrimEnd('.')}). "
                + $"See whether it runs. The cluster asks its nodes as {userName}: let that role log in on every node (pg_hba.conf, "
                + "pg_dist_authinfo), or connect as one that may.");
        }
    }

    private static List<JsonElement> Read(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(e => e.Clone())];
    }
}
