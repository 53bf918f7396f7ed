using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Operations;

namespace Woodgrove.Citus.Shards;

/// <summary>A cmdlet that copies shards.</summary>
public abstract class TransferCmdlet : ChangeCmdlet
{
    /// <summary>How rows are copied, in Citus's words.</summary>
    [Parameter]
    [ValidateSet("auto", "force_logical", "block_writes")]
    public string TransferMode { get; set; } = "auto";

    private protected string Mode => TransferMode.ToLowerInvariant();

    /// <summary>Writes the placements of a table that are so.</summary>
    private protected static async Task WriteAsync(Pipeline.CmdletOutput output, IAsyncEnumerable<ShardPlacement> placements,
        Predicate<ShardPlacement>? only = null)
    {
        await foreach (ShardPlacement placement in placements)
            if (only is null || only(placement)) await output.ObjectAsync(placement);
    }
}
