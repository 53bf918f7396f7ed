using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Catalog;

/// <summary>
/// The parameter <c>output_plugin_libraries</c> of newer minor releases, without which Citus can't replicate shards
/// logically.
/// </summary>
internal static class OutputPlugins
{
    /// <summary>The libraries that a value lists.</summary>
    public static IReadOnlyList<string> Of(string value) => [.. value.Split(',').Select(l => l.Trim().Trim('"')).Where(l => l.Length > 0)];

    /// <summary>SQL that adds citus to a value.</summary>
    public static string Allow(string value) =>
        "ALTER SYSTEM SET output_plugin_libraries = "
            + $"{string.Join(", ", Of(value).Append("citus").Select(l => TableName.Literal(l)))}; SELECT pg_reload_conf();";

    /// <summary>
    /// What to do first where a node would refuse to replicate shards logically; null where none does, or they can't be
    /// asked.
    /// </summary>
    public static async Task<string?> AdviceAsync(NpgsqlConnection session, CancellationToken stop)
    {
        try
        {
            List<string> nodes = await session.ListAsync("""
                SELECT n.nodename || ':' || n.nodeport
                    FROM pg_catalog.run_command_on_all_nodes('SELECT pg_catalog.current_setting(''output_plugin_libraries'', true)',
                        give_warning_for_connection_errors := true) r
                JOIN pg_catalog.pg_dist_node n ON n.nodeid = r.nodeid
                WHERE r.success AND r.result <> '' AND r.result !~ '\mcitus\M' ORDER BY 1
                """, row => row.GetString(0), stop);
            return nodes.Count == 0 ? null : CatalogErrors.PluginNotAllowed(nodes);
        }
        catch (PostgresException)
        {
            return null;
        }
    }
}
