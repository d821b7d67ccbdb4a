//! Prints what a name stands for, and each change.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use propylon_resolver::{Question, Resolver};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).ok_or("usage: standalone NAME")?;
    let mut watch = Resolver::builder().build()?.watch(Question::host(&name));
    loop {
        match watch.changed().await {
            Ok(endpoints) => {
                println!("{:?}", endpoints.iter().map(|endpoint| endpoint.ip).collect::<Vec<_>>())
            }
            Err(error) => println!("{error}"),
        }
    }
}
