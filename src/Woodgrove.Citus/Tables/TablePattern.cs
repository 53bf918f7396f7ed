using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>Wildcards in names of tables.</summary>
internal static class TablePattern
{
    /// <summary>
    /// The names with each pattern replaced by the tables that it stands for; one in double quotes is a name, whatever its
    /// characters. The module's own tables are found by a pattern that begins with their schema.
    /// </summary>
    /// <param name="only">Which tables a pattern can stand for; all that Citus knows by default.</param>
    /// <param name="plain">Whether it can stand for tables that Citus does not know.</param>
    /// <returns>Null where there were names, and no table is left of them.</returns>
    public static async Task<IReadOnlyList<string>?> ExpandAsync(
        CitusConnection cluster, IReadOnlyList<string> names, CancellationToken stop, Func<ListedTable, bool>? only = null,
        bool plain = false)
    {
        return await ExpandAsync(names, () => ClusterMetadata.ListedAsync(cluster, plain, stop), only);
    }

    /// <inheritdoc cref="ExpandAsync(CitusConnection, IReadOnlyList{string}, CancellationToken, Func{ListedTable, bool}?, bool)"/>
    /// <param name="list">Lists the tables that a pattern can stand for.</param>
    public static async Task<IReadOnlyList<string>?> ExpandAsync(
        IReadOnlyList<string> names, Func<Task<IReadOnlyList<ListedTable>>> list, Func<ListedTable, bool>? only = null)
    {
        if (!names.Any(IsPattern)) return names;
        IReadOnlyList<ListedTable> listed = await list();
        string[] found = [.. names.SelectMany(n => IsPattern(n) ? Matches(n) : [n]).Distinct()];
        return found.Length > 0 ? found : null;

        IEnumerable<string> Matches(string name)
        {
            var pattern = Wildcard.Parse(name);
            bool module = name.StartsWith("woodgrove.", StringComparison.OrdinalIgnoreCase);
            return listed.Where(t => (module || !t.IsModules) && (only is null || only(t))
                && (pattern.IsMatch(t.Table) || pattern.IsMatch(t.FullName))).Select(t => t.Table);
        }
    }

    /// <summary>Whether a name stands for several tables.</summary>
    public static bool IsPattern(string name) =>
        !name.Contains('"', StringComparison.Ordinal) && WildcardPattern.ContainsWildcardCharacters(name);
}
