using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Stops sandboxes, all of this process by default, and removes what is theirs.</summary>
[Cmdlet(VerbsLifecycle.Stop, "CitusSandbox", SupportsShouldProcess = true)]
public sealed class StopCitusSandboxCommand : CitusCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public CitusSandbox[]? Sandbox { get; set; }

    protected override void ProcessRecord()
    {
        foreach (CitusSandbox sandbox in Sandbox ?? [.. SandboxRegistry.All])
        {
            if (!ShouldProcess(sandbox.Name, sandbox.Keep ? "Stop the cluster" : "Stop the cluster and delete its folder")) continue;
            Run(async (_, _) =>
            {
                await SessionConnections.RemoveAsync(sandbox.Connection);
                await sandbox.StopAsync();
            }, sandbox.Name);
        }
    }
}
