using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Starts a throwaway cluster on loopback and makes it the default connection.</summary>
[Cmdlet(VerbsLifecycle.Start, "CitusSandbox", SupportsShouldProcess = true)]
[OutputType(typeof(CitusSandbox))]
public sealed class StartCitusSandboxCommand : CitusCmdlet
{
    [Parameter]
    public SandboxEngine Engine { get; set; }

    /// <summary>Workers beside the coordinator, where the engine is Citus.</summary>
    [Parameter]
    [ValidateRange(0, 16)]
    public int WorkerCount { get; set; } = 2;

    /// <summary>A new or empty folder for the servers' data; one among the temporary files by default.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Leaves the folder in place when the sandbox stops.</summary>
    [Parameter]
    public SwitchParameter Keep { get; set; }

    /// <summary>A folder to serve over http on loopback meanwhile.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? WebRoot { get; set; }

    protected override void ProcessRecord()
    {
        string? path = Path is null ? null : GetUnresolvedProviderPathFromPSPath(Path);
        string? webRoot = WebRoot is null ? null : GetUnresolvedProviderPathFromPSPath(WebRoot);
        if (!Agree("127.0.0.1", "Start a throwaway cluster", out bool isTrial)) return;
        if (isTrial)
        {
            Run((_, _) => Task.Run(() => CitusSandbox.Check(Engine, path)));
            return;
        }
        Run(async (output, stop) =>
        {
            output.Progress(new ProgressRecord(1, "Starting a sandbox", "initdb, start, connect"));
            CitusSandbox sandbox = await CitusSandbox.StartAsync(Engine, WorkerCount, path, Keep, webRoot, output.Verbose, output.Warning,
                stop);
            await SessionConnections.AddAsync(sandbox.Connection);
            output.Progress(new ProgressRecord(1, "Starting a sandbox", "Done") { RecordType = ProgressRecordType.Completed });
            await output.ObjectAsync(sandbox);
        });
    }
}
