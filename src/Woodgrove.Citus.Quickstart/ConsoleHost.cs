using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace Woodgrove.Citus.Quickstart;

/// <summary>A PowerShell host that writes to the console and asks nothing.</summary>
internal sealed class ConsoleHost : PSHost
{
    public override string Name => "Woodgrove.Citus quickstart";
    public override Version Version { get; } = new(1, 0);
    public override Guid InstanceId { get; } = Guid.NewGuid();
    public override PSHostUserInterface UI { get; } = new ConsoleUi();
    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;
    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;
    public override void EnterNestedPrompt() => throw new NotSupportedException();
    public override void ExitNestedPrompt() => throw new NotSupportedException();
    public override void NotifyBeginApplication() { }
    public override void NotifyEndApplication() { }
    public override void SetShouldExit(int exitCode) => Environment.ExitCode = exitCode;

    private sealed class ConsoleUi : PSHostUserInterface
    {
        public override PSHostRawUserInterface RawUI { get; } = new FixedSize();
        public override bool SupportsVirtualTerminal => !Console.IsOutputRedirected;
        public override void Write(string value) => Console.Write(Plain(value));
        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Console.Write(Plain(value));
        public override void WriteLine(string value) => Console.WriteLine(Plain(value));
        public override void WriteErrorLine(string value) => Console.Error.WriteLine(value);
        public override void WriteWarningLine(string message) => Console.WriteLine($"WARNING: {message}");
        public override void WriteVerboseLine(string message) => Console.WriteLine($"VERBOSE: {message}");
        public override void WriteDebugLine(string message) => Console.WriteLine($"DEBUG: {message}");
        public override void WriteProgress(long sourceId, ProgressRecord record) { }
        public override string ReadLine() => throw new NotSupportedException("The quickstart asks nothing.");
        public override SecureString ReadLineAsSecureString() => throw new NotSupportedException("The quickstart asks nothing.");
        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
            throw new NotSupportedException("The quickstart asks nothing.");
        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) => defaultChoice;
        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
            throw new NotSupportedException("The quickstart asks nothing.");

        /// <summary>Without colours where the output goes to a file.</summary>
        private string Plain(string value) => GetOutputString(value, SupportsVirtualTerminal);

        public override PSCredential PromptForCredential(
            string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
            throw new NotSupportedException("The quickstart asks nothing.");
    }

    /// <summary>Formatting asks the host for its width; the rest of a raw console is not needed.</summary>
    private sealed class FixedSize : PSHostRawUserInterface
    {
        private const int Width = 110;
        public override Size BufferSize { get; set; } = new(Width, 3000);
        public override Size WindowSize { get; set; } = new(Width, 50);
        public override Size MaxWindowSize => WindowSize;
        public override Size MaxPhysicalWindowSize => WindowSize;
        public override Coordinates CursorPosition { get; set; }
        public override Coordinates WindowPosition { get; set; }
        public override int CursorSize { get; set; } = 1;
        public override ConsoleColor ForegroundColor { get; set; } = ConsoleColor.Gray;
        public override ConsoleColor BackgroundColor { get; set; } = ConsoleColor.Black;
        public override string WindowTitle { get; set; } = "";
        public override bool KeyAvailable => false;
        public override void FlushInputBuffer() { }
        public override KeyInfo ReadKey(ReadKeyOptions options) => throw new NotSupportedException();
        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw new NotSupportedException();
        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) => throw new NotSupportedException();
        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw new NotSupportedException();
        public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw new NotSupportedException();
    }
}
