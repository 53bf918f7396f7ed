using System.Management.Automation;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Lists the sandboxes that this process started.</summary>
[Cmdlet(VerbsCommon.Get, "CitusSandbox")]
[OutputType(typeof(CitusSandbox))]
public sealed class GetCitusSandboxCommand : PSCmdlet
{
    protected override void ProcessRecord() => WriteObject(SandboxRegistry.All, enumerateCollection: true);
}
