using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>Completes from the cluster's catalogs; gives nothing, rather than an error or a long wait, where it can't.</summary>
internal abstract class CatalogCompleter : IArgumentCompleter
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string start = wordToComplete.Trim('\'', '"');
        try
        {
            CitusConnection connection = fakeBoundParameters["Connection"] switch
            {
                CitusConnection given => given,
                PSObject { BaseObject: CitusConnection given } => given,
                string name => SessionConnections.Named(name),
                _ => SessionConnections.Latest(),
            };
            using var stop = new CancellationTokenSource(Patience);
            return Task.Run(() => NamesAsync(connection, start, fakeBoundParameters, stop.Token)).GetAwaiter().GetResult()
                .Where(n => n.StartsWith(start, StringComparison.OrdinalIgnoreCase))
                .Select(n => new CompletionResult(ListCompleter.Quoted(n), n, CompletionResultType.ParameterValue, Describe(n))).ToList();
        }
        catch (Exception e) when (e is CitusException or Npgsql.NpgsqlException or OperationCanceledException)
        {
            return [];
        }
    }

    protected abstract Task<IReadOnlyList<string>> NamesAsync(
        CitusConnection connection, string start, IDictionary bound, CancellationToken stop);

    /// <summary>The tooltip of a name.</summary>
    protected virtual string Describe(string name) => name;

}

/// <summary>Completes names of tables.</summary>
internal sealed class TableCompleter : CatalogCompleter
{
    protected override Task<IReadOnlyList<string>> NamesAsync(
        CitusConnection connection, string start, IDictionary bound, CancellationToken stop) =>
        ClusterMetadata.TableNamesAsync(connection, start, stop);
}

/// <summary>Completes names of nodes, with their ports.</summary>
internal sealed class NodeCompleter : CatalogCompleter
{
    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        var names = new List<string>();
        await foreach (CitusNode node in ClusterMetadata.NodesAsync(connection, withSizes: false, _ => { }, stop, reach: false))
            names.Add($"{node.NodeName}:{node.NodePort}");
        return names;
    }
}

/// <summary>Completes names of the columns of the table that -Table names.</summary>
internal sealed class ColumnCompleter : CatalogCompleter
{
    protected override Task<IReadOnlyList<string>> NamesAsync(
        CitusConnection connection, string start, IDictionary bound, CancellationToken stop) =>
        bound["Table"]?.ToString() is { Length: > 0 } table
            ? ClusterMetadata.ColumnNamesAsync(connection, table, stop)
            : Task.FromResult<IReadOnlyList<string>>([]);
}
