using System.Management.Automation;
using System.Threading.Channels;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>
/// What work off the pipeline thread may write; each call hands over to the pipeline thread. Messages are made
/// <see cref="VisibleText"/>; objects stay as they are.
/// </summary>
internal sealed class CmdletOutput(ChannelWriter<Action<PSCmdlet>> pipeline, CancellationToken stop)
{
    public ValueTask ObjectAsync(object value) => Async(c => c.WriteObject(value));

    /// <summary>Anything else that must happen on the pipeline thread.</summary>
    public ValueTask Async(Action<PSCmdlet> write) => pipeline.WriteAsync(write, stop);

    public void Verbose(string text) => Wait(c => c.WriteVerbose(VisibleText.Of(text)));

    public void Warning(string text) => Wait(c => c.WriteWarning(VisibleText.Of(text)));

    /// <summary>Shows text on the screen, as Write-Host does; it is no output, and no warning.</summary>
    public void Information(string text) =>
        Wait(c => c.WriteInformation(new HostInformationMessage { Message = VisibleText.Of(text) }, ["PSHOST"]));

    /// <summary>Shows progress if the pipeline thread is free to; the next report tells more anyway.</summary>
    public void Progress(ProgressRecord record)
    {
        record.Activity = VisibleText.Of(record.Activity);
        record.StatusDescription = VisibleText.Of(record.StatusDescription);
        if (record.CurrentOperation is { } current) record.CurrentOperation = VisibleText.Of(current);
        pipeline.TryWrite(c => c.WriteProgress(record));
    }

    private void Wait(Action<PSCmdlet> write)
    {
        if (pipeline.TryWrite(write)) return;
        try
        {
            pipeline.WriteAsync(write, stop).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Nobody listens any more.
        }
    }
}
