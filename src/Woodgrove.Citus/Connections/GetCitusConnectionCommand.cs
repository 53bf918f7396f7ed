using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Connections;

/// <summary>Lists the open connections, the default one last.</summary>
[Cmdlet(VerbsCommon.Get, "CitusConnection")]
[OutputType(typeof(CitusConnection))]
public sealed class GetCitusConnectionCommand : PSCmdlet
{
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    public string Name { get; set; } = "*";

    protected override void ProcessRecord()
    {
        var pattern = Wildcard.Parse(Name);
        WriteObject(SessionConnections.All.Where(c => pattern.IsMatch(c.Name)), enumerateCollection: true);
    }
}
