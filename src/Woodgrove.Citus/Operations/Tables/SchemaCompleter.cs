using System.Collections;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Completes names of schemas.</summary>
internal sealed class SchemaCompleter : CatalogCompleter
{
    protected override Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop) =>
        DistributedSchema.NamesAsync(connection, start, stop);
}
