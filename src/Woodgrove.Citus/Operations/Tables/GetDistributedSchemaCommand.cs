using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Lists the distributed schemas, each with its node.</summary>
[Cmdlet(VerbsCommon.Get, "DistributedSchema")]
[OutputType(typeof(DistributedSchema))]
public sealed class GetDistributedSchemaCommand : ConnectedCmdlet
{
    /// <summary>Just these; all by default.</summary>
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(SchemaCompleter))]
    [SupportsWildcards]
    public string[] Schema { get; set; } = [];

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        WildcardPattern[] patterns = [.. Schema.Select(Wildcard.Parse)];
        Run(async (output, stop) =>
        {
            foreach (DistributedSchema schema in await DistributedSchema.ListAsync(cluster, null, output.Warning, stop))
            {
                if (patterns.Length == 0 || Array.Exists(patterns, p => p.IsMatch(schema.Schema))) await output.ObjectAsync(schema);
            }
        }, string.Join(", ", Schema));
    }
}
