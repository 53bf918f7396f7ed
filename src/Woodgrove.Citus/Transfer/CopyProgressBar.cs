using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Transfer;

/// <summary>Shows a copy's progress a few times a second.</summary>
internal sealed class CopyProgressBar(CmdletOutput output)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly Stopwatch _sinceLast = Stopwatch.StartNew();

    public void Report(CopyProgress progress)
    {
        if (_sinceLast.Elapsed < Interval) return;
        _sinceLast.Restart();
        double seconds = Math.Max(progress.Elapsed.TotalSeconds, 1e-3);
        output.Progress(new ProgressRecord(1, "Copying", $"{progress.Bytes / 1e6:N0} MB, {progress.Bytes / 1e6 / seconds:N0} MB/s, "
            + $"{progress.Rows:N0} rows, {progress.PartsDone} of {progress.Parts} parts")
        {
            CurrentOperation = progress.Table,
            PercentComplete = progress.Parts > 1 ? 100 * progress.PartsDone / progress.Parts : -1,
        });
    }

    public void Complete() => output.Progress(new ProgressRecord(1, "Copying", "Done") { RecordType = ProgressRecordType.Completed });
}
